// What makes a list of jobs faster to use: one box for all, and addresses without empty fields. It works without too.
"use strict";
(function () {
  // Fields that are empty say nothing in the address.
  for (const form of document.querySelectorAll("form[data-short]")) {
    form.addEventListener("submit", () => {
      const all = Array.from(form.elements);
      const empty = all.filter((field) => field.name && !field.value && !field.disabled);
      const columns = all.filter((field) => field.name === "columns");
      if (columns.every((box) => box.checked === box.defaultChecked) && !new URLSearchParams(location.search).has("columns")) {
        empty.push(...columns);
      }
      empty.forEach((field) => { field.disabled = true; });
      setTimeout(() => empty.forEach((field) => { field.disabled = false; }));
    });
  }

  // The jobs for which a button is; others are for all. Without a job that is chosen for it, it cannot be pressed.
  const KINDS = { again: ["ended"], hold: ["queued"], release: ["queued"], abort: ["running"], delete: ["queued", "ended"] };

  function boxes() {
    return Array.from(document.querySelectorAll("input[name=chosen]"));
  }

  const place = document.querySelector("#chosen-jobs .actions");
  if (place && boxes().length) {
    const label = document.createElement("label");
    const all = document.createElement("input");
    all.type = "checkbox";
    label.className = "every";
    label.append(all, " all of this page");
    place.prepend(label);
    const number = document.querySelector("#chosen-jobs [data-number]");
    const update = () => {
      const chosen = boxes().filter((box) => box.checked);
      all.checked = chosen.length > 0 && chosen.length === boxes().length;
      all.indeterminate = !all.checked && chosen.length > 0;
      number.textContent = chosen.length ? ` (${chosen.length})` : "";
      for (const button of document.querySelectorAll("#chosen-jobs button[name=action]")) {
        const kinds = KINDS[button.value];
        button.disabled = !chosen.some((box) => !kinds || kinds.includes(box.dataset.kind));
      }
    };
    all.addEventListener("change", () => boxes().forEach((box) => { box.checked = all.checked; }));
    document.addEventListener("change", update);
    document.addEventListener("lgi-refreshed", update);
    window.addEventListener("pageshow", update);
    update();
  }
})();
