// Times as the reader's clock shows them; the page has them in UTC.
"use strict";
(function () {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  window.LGI = window.LGI || {};
  window.LGI.times = function (within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      time.title = time.getAttribute("datetime").replace("T", " ").replace("Z", " UTC");
      time.textContent = shown.format(new Date(time.getAttribute("datetime")));
    }
  };
  window.LGI.times(document);
})();
