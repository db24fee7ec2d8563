// Files by drag and drop, a list of those that were chosen, and how far they have come. Without it the same form
// is sent by the browser itself.
"use strict";
(function () {
  const UNITS = ["B", "kB", "MB", "GB", "TB"];

  function size(number) {
    let unit = 0;
    while (number >= 999.5 && unit < UNITS.length - 1) {
      number /= 1000;
      unit += 1;
    }
    return Number(number.toPrecision(3)) + " " + UNITS[unit];
  }

  function show(zone, input) {
    const list = zone.querySelector("[data-chosen]");
    list.replaceChildren(...Array.from(input.files, (file) => {
      const line = document.createElement("li");
      const name = document.createElement("bdi");
      name.textContent = file.name;
      line.append(name, " (" + size(file.size) + ")");
      return line;
    }));
  }

  function add(input, files) {
    const all = new DataTransfer();
    const names = new Set(Array.from(files, (file) => file.name));
    for (const file of input.files) {
      if (!names.has(file.name)) {
        all.items.add(file);
      }
    }
    for (const file of files) {
      all.items.add(file);
    }
    input.files = all.files;
  }

  function sending(form, is_so) {
    form.querySelector("progress").hidden = !is_so;
    form.querySelectorAll("button").forEach((button) => { button.disabled = is_so; });
  }

  function send(event) {
    const form = event.currentTarget;
    const input = form.querySelector("input[type=file]");
    if (event.defaultPrevented || !input.files.length || event.submitter?.hasAttribute("formaction")) {
      return;
    }
    event.preventDefault();
    const progress = form.querySelector("progress");
    const told = form.querySelector("[data-told]");
    const request = new XMLHttpRequest();
    sending(form, true);
    request.upload.addEventListener("progress", (now) => {
      progress.max = now.total;
      progress.value = now.loaded;
      told.textContent = size(now.loaded) + " of " + size(now.total) + " sent";
    });
    request.addEventListener("load", () => answered(request, form));
    request.addEventListener("error", () => {
      sending(form, false);
      told.textContent = "The connection was lost. Nothing was stored: try again.";
    });
    request.open("POST", form.action);
    request.send(new FormData(form));
  }

  // What was refused before the server has read the form leaves it as it is, with what was typed, and says why.
  function refused(form, alert) {
    sending(form, false);
    form.querySelectorAll(":scope > [role=alert]").forEach((older) => older.remove());
    form.querySelector("[data-told]").textContent = alert ? "" : "The server could not answer: try again later.";
    if (alert) {
      form.prepend(document.adoptNode(alert));
      alert.focus();
    }
  }

  // What the server answers is a page: of the job when all went well, otherwise one that says what did not.
  function answered(request, form) {
    const here = new URL(request.responseURL);
    if (request.status < 400) {
      const same = here.pathname === location.pathname;
      location.assign(here.pathname + here.search);
      if (same) {
        location.reload();
      }
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    if (!page.querySelector("form[data-files]")) {
      refused(form, page.querySelector("[role=alert]"));
      return;
    }
    document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
    window.LGI.files();
    window.LGI.commands();
    window.LGI.times(document);
    const alert = document.querySelector("main [role=alert]");
    if (alert) {
      alert.focus();
    }
  }

  function prepare(form) {
    const input = form.querySelector("input[type=file]");
    const zone = form.querySelector("[data-drop]");
    input.addEventListener("change", () => show(zone, input));
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      zone.addEventListener(name, () => zone.classList.remove("over"));
    }
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      add(input, event.dataTransfer.files);
      show(zone, input);
    });
    form.addEventListener("submit", send);
    // Some may have been chosen before this script was here.
    show(zone, input);
  }

  // Beside its place a dropped file would take the place of the whole page, and of what was typed.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (event.dataTransfer && event.dataTransfer.types.includes("Files") && !event.target.closest("[data-drop]")) {
        event.preventDefault();
        event.dataTransfer.dropEffect = "none";
      }
    });
  }

  window.LGI = window.LGI || {};
  window.LGI.files = function () {
    document.querySelectorAll("form[data-files]").forEach(prepare);
  };
  window.LGI.files();
})();
