// Keeps what a page shows up to date: asks the server, which answers when there is something new, and then takes
// the parts marked data-live from the page as it is now. A page that nobody looks at asks nothing.
"use strict";
(function () {
  const LEAST_PAUSE = 1500, AFTER_FAULT = 15000;
  let asking = false;

  function wait(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  function address() {
    const marked = document.querySelector("[data-news]");
    return marked ? marked.dataset.news : "";
  }

  function same(part, link) {
    return Array.from(part.querySelectorAll("a")).find((other) => other.href === link.href);
  }

  function isAtEnd(text) {
    return text.scrollTop + text.clientHeight > text.scrollHeight - 8;
  }

  // Texts that are scrolled stay where they are; who has looked at the end of one sees its end.
  function places(part) {
    return Array.from(part.querySelectorAll("pre[id]"), (text) => (
      { id: text.id, top: isAtEnd(text) ? Infinity : text.scrollTop, left: text.scrollLeft }));
  }

  function scroll(place) {
    const text = document.getElementById(place.id);
    if (text) {
      text.scrollTop = Math.min(place.top, text.scrollHeight);
      text.scrollLeft = place.left;
    }
  }

  // For those who do not see that something has changed.
  function say(text) {
    const place = document.querySelector("[role=status][data-saying]");
    if (text && place && place.textContent !== text) {
      place.textContent = text;
    }
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status >= 500) {
      throw new Error("the server is busy");
    }
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    const icon = document.querySelector("link[rel=icon]"), next_icon = now.querySelector("link[rel=icon]");
    document.title = now.title;
    if (icon && next_icon && icon.getAttribute("href") !== next_icon.getAttribute("href")) {
      icon.replaceWith(document.adoptNode(next_icon));
    }
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = now.getElementById(part.id);
      if (!next) {
        location.reload();
        return;
      }
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      const before = places(part);
      const chosen = Array.from(part.querySelectorAll("input:checked"), (box) => box.id);
      part.replaceWith(document.adoptNode(next));
      if (window.LGI.outputs) {
        window.LGI.outputs(next);
      }
      before.forEach(scroll);
      chosen.map((id) => document.getElementById(id)).filter(Boolean).forEach((box) => { box.checked = true; });
      window.LGI.times(next);
      document.dispatchEvent(new Event("lgi-refreshed"));
      window.LGI.copies(next);
      say(next.dataset.said);
      const again = focused && (document.getElementById(focused.id) || same(next, focused));
      if (again) {
        again.focus({ preventScroll: true });
      }
    }
  }

  async function ask() {
    if (asking) {
      return;
    }
    asking = true;
    while (address() && !document.hidden) {
      const begun = Date.now();
      try {
        const answer = await fetch(address());
        if (answer.status === 200 || answer.status === 404) {
          await refresh();
        } else if (answer.status !== 204) {
          await wait(AFTER_FAULT);
        }
        await wait(Math.max(0, begun + LEAST_PAUSE - Date.now()));
      } catch (fault) {
        await wait(AFTER_FAULT);
      }
    }
    asking = false;
  }

  document.querySelectorAll("pre[data-tail]").forEach((text) => scroll({ id: text.id, top: Infinity, left: 0 }));
  document.addEventListener("visibilitychange", ask);
  ask();
})();
