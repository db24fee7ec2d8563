// A button beside each command of a page that copies it.
"use strict";
(function () {
  window.LGI = window.LGI || {};
  window.LGI.copies = function (within) {
    for (const text of within.querySelectorAll("[data-copy]")) {
      if (!navigator.clipboard || text.nextElementSibling && text.nextElementSibling.classList.contains("copy")) {
        continue;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text.textContent.trim());
          button.textContent = "Copied";
        } catch (fault) {
          button.textContent = "Select it and copy it";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 3000);
      });
      text.after(button);
    }
  };
  window.LGI.copies(document);
})();
