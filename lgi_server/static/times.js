// Times as the reader's clock shows them, also in the fields of forms; the page has them in UTC.
"use strict";
(function () {
  const shown = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "short", day: "numeric",
    hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
  const AGES = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]];
  window.LGI = window.LGI || {};
  window.LGI.times = function (within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const exact = time.getAttribute("datetime"), utc = exact.replace("T", " ").replace("Z", " UTC");
      const local = shown.format(new Date(exact));
      time.title = time.dataset.ago === undefined ? utc : local;
      if (time.dataset.ago === undefined) {
        time.textContent = local;
      }
    }
    within.querySelectorAll("input[data-zone]").forEach(field);
  };

  // How long ago, as the server has written it, grows while the page is open; a wrong clock here changes nothing.
  function grow() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const told = /^([0-9]+) (s|min) ago$/.exec(time.dataset.ago || time.textContent);
      if (!told) {
        continue;
      }
      time.dataset.ago = told[0];
      time.dataset.since = time.dataset.since || Date.now();
      const past = told[1] * (told[2] === "s" ? 1 : 60) + (Date.now() - time.dataset.since) / 1000;
      const [size, unit] = AGES.find(([size]) => past >= 2 * size) || [1, "s"];
      time.textContent = Math.floor(past / size) + " " + unit + " ago";
    }
  }
  grow();
  setInterval(grow, 10000);

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
