// The command that does the same as the form, shown in its place without loading the page, and kept right while the
// form is filled in. Without it the button shows the form again, with the command.
"use strict";
(function () {
  const PAUSE = 700;

  // The names of the chosen files, not the files.
  function fields(form) {
    const data = new FormData(form);
    const names = data.getAll("files").map((file) => file.name).filter(Boolean);
    data.delete("files");
    names.forEach((name) => data.append("file_name", name));
    return data;
  }

  function place(form) {
    let found = form.querySelector("#commands");
    if (!found) {
      found = document.createElement("div");
      found.id = "commands";
      form.querySelector("[data-commands]").closest("p").before(found);
    }
    found.setAttribute("aria-live", "polite");
    return found;
  }

  function tell(form, text) {
    const line = document.createElement("p");
    line.className = "fault";
    line.textContent = text;
    place(form).replaceChildren(line);
  }

  async function show(form, button) {
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: fields(form) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.querySelector("#commands");
      if (found) {
        place(form).replaceChildren(...document.adoptNode(found).childNodes);
        window.LGI.copies(place(form));
      } else {
        const said = page.querySelector("[role=alert] p");
        tell(form, said ? said.textContent : "The server could not answer: try again later.");
      }
    } catch (fault) {
      tell(form, "The connection was lost: try again.");
    }
  }

  function prepare(button) {
    const form = button.form;
    let waits = 0;
    let running = Promise.resolve();
    function later() {
      clearTimeout(waits);
      waits = setTimeout(() => { running = running.then(() => show(form, button)); }, PAUSE);
    }
    button.addEventListener("click", (event) => {
      event.preventDefault();
      show(form, button);
    });
    for (const name of ["input", "change"]) {
      form.addEventListener(name, () => {
        if (form.querySelector("#commands")) {
          later();
        }
      });
    }
  }

  window.LGI = window.LGI || {};
  window.LGI.commands = function () {
    document.querySelectorAll("[data-commands]").forEach(prepare);
  };
  window.LGI.commands();
})();
