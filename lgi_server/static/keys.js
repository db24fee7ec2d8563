// Keys: / searches, j and k go from row to row, x chooses one, ? says which keys there are. Nothing needs them.
"use strict";
(function () {
  const KEYS = [["/", "search"], ["j", "the next row"], ["k", "the row before"], ["Enter", "open the row"],
    ["x", "choose the row"], ["g j", "jobs"], ["g s", "submit"], ["g r", "resources"], ["g o", "overview"],
    ["?", "these keys"]];
  const PLACES = { j: "jobs", s: "submit", r: "resources", o: "" };
  let awaits = false;

  function links() {
    return Array.from(document.querySelectorAll("main tbody th a")).filter(
      (link) => link === link.closest("th").querySelector("a"));
  }

  function move(step) {
    const all = links();
    const row = document.activeElement && document.activeElement.closest("tr");
    const at = all.findIndex((link) => link.closest("tr") === row);
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
    if (next) {
      next.focus();
    }
  }

  function choose() {
    const row = document.activeElement && document.activeElement.closest("tr");
    const box = row && row.querySelector("input[type=checkbox]");
    if (box) {
      box.click();
    }
  }

  function help() {
    let dialog = document.getElementById("keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keys";
      dialog.setAttribute("aria-label", "Keys");
      const list = document.createElement("dl");
      for (const [key, what] of KEYS) {
        const pair = document.createElement("div"), name = document.createElement("dt"), text = document.createElement("dd");
        const shown = document.createElement("kbd");
        shown.textContent = key;
        text.textContent = what;
        name.append(shown);
        pair.append(name, text);
        list.append(pair);
      }
      const close = document.createElement("button");
      close.textContent = "Close";
      close.addEventListener("click", () => dialog.close());
      dialog.append(list, close);
      document.body.append(dialog);
    }
    dialog.showModal();
  }

  function go(key) {
    const home = document.querySelector("a.brand");
    if (home && key in PLACES) {
      location.assign(home.getAttribute("href") + PLACES[key]);
    }
  }

  document.addEventListener("keydown", (event) => {
    const typed = event.target.closest && event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typed) {
      return;
    }
    const search = document.querySelector("[data-search]");
    const after = awaits;
    awaits = event.key === "g" && !after;
    if (after) {
      go(event.key);
    } else if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "x") {
      choose();
    } else if (event.key === "?") {
      help();
    }
  });
})();
