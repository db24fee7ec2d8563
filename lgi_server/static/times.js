// Times as the reader's clock shows them, also in the fields of forms; the page has them in UTC.
"use strict";
(function () {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  window.LGI = window.LGI || {};
  window.LGI.times = function (within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      time.title = time.getAttribute("datetime").replace("T", " ").replace("Z", " UTC");
      time.textContent = shown.format(new Date(time.getAttribute("datetime")));
    }
    within.querySelectorAll("input[data-zone]").forEach(field);
  };

  function digits(number) {
    return String(number).padStart(2, "0");
  }

  // The offset of the reader's clock from UTC at a time, as +02:00.
  function offset(time) {
    const minutes = -time.getTimezoneOffset(), size = Math.abs(minutes);
    return (minutes < 0 ? "-" : "+") + digits(Math.floor(size / 60)) + ":" + digits(size % 60);
  }

  // A time in a form, unless its zone was typed: what is chosen later may have another offset, as in summer.
  function field(zone) {
    const time = document.getElementById(zone.dataset.zone);
    let own = "UTC";
    function follow() {
      if (zone.value === own) {
        zone.value = own = offset(time.value ? new Date(time.value) : new Date());
      }
    }
    if (zone.value === own && time.value) {
      const local = new Date(time.value + "Z");
      time.value = [local.getFullYear(), digits(local.getMonth() + 1), digits(local.getDate())].join("-") +
        "T" + digits(local.getHours()) + ":" + digits(local.getMinutes());
    }
    follow();
    time.addEventListener("change", follow);
  }

  window.LGI.times(document);
})();
