// What helps to read a long output: lines that are wrapped or not, and a search that goes from one place to the next.
// What was chosen stays when the page takes new output from the server.
"use strict";
(function () {
  const kept = { term: "", wraps: false, at: 0 };

  function places(text, term) {
    const found = [];
    const all = text.textContent.toLowerCase(), wanted = term.toLowerCase();
    for (let at = all.indexOf(wanted); wanted && at >= 0 && found.length < 10000; at = all.indexOf(wanted, at + wanted.length)) {
      found.push(at);
    }
    return found;
  }

  function select(text, begin, length) {
    const node = text.firstChild;
    if (!node || node.nodeType !== Node.TEXT_NODE || begin + length > node.length) {
      return;
    }
    const range = document.createRange();
    range.setStart(node, begin);
    range.setEnd(node, begin + length);
    const chosen = getSelection();
    chosen.removeAllRanges();
    chosen.addRange(range);
    const box = range.getBoundingClientRect(), frame = text.getBoundingClientRect();
    text.scrollTop += box.top - frame.top - text.clientHeight / 2;
    text.scrollLeft += box.left - frame.left - text.clientWidth / 2;
  }

  function tools(text) {
    const bar = document.createElement("div");
    bar.className = "tools";
    const label = document.createElement("label"), field = document.createElement("input");
    const count = document.createElement("span"), wrap = document.createElement("label"), box = document.createElement("input");
    field.id = "find-in-output";
    field.value = kept.term;
    field.autocomplete = "off";
    label.append("Find ", field);
    count.setAttribute("role", "status");
    box.type = "checkbox";
    box.id = "wrap-output";
    box.checked = kept.wraps;
    wrap.append(box, " Wrap lines");
    bar.append(label, count, wrap);
    text.before(bar);
    text.classList.toggle("words", kept.wraps);
    box.addEventListener("change", () => {
      kept.wraps = box.checked;
      text.classList.toggle("words", kept.wraps);
    });
    function find(step) {
      const found = places(text, kept.term);
      kept.at = found.length ? (kept.at + step + found.length) % found.length : 0;
      count.textContent = !kept.term ? "" : found.length ? (kept.at + 1) + " of " + found.length : "not found";
      if (found.length && kept.term) {
        select(text, found[kept.at], kept.term.length);
      }
    }
    field.addEventListener("input", () => {
      kept.term = field.value;
      kept.at = 0;
      find(0);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        find(event.shiftKey ? -1 : 1);
      }
    });
  }

  window.LGI = window.LGI || {};
  window.LGI.outputs = function (within) {
    const text = within.querySelector("pre#output-shown:not(.hex)");
    if (text && !within.querySelector(".tools")) {
      tools(text);
    }
  };
  window.LGI.outputs(document);
})();
