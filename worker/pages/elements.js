// What our pages share: elements made and kept, what a browser remembers, light and dark.

const THEMES = ["", "light", "dark"];

/** Return a new element: its tag and classes, then what is in it. */
export function make(kind, ...inside) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  element.append(...inside);
  return element;
}

/** Let a parent have one child an item, in order; a child stays as long as its key does. */
export function keyed(parent, items, key, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = old.get(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    old.delete(name);
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of old.values()) child.remove();
}

/** Set a text only where it changed: a screen reader hears no more than happened. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What is remembered from visit to visit; a browser that keeps nothing is fine.
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
}

/** Return the language that was chosen, or the browser's: "zh" or "en". */
export function chosenLanguage() {
  const known = recall("language") || (navigator.languages ?? [navigator.language])[0] || "en";
  return known.startsWith("zh") ? "zh" : "en";
}

/** Return the theme that was chosen; empty: the system's. */
export function chosenTheme() {
  return THEMES.includes(recall("theme")) ? recall("theme") : "";
}

export function theme() {
  return document.documentElement.dataset.theme ?? "";
}

export function nextTheme() {
  return THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
}

export function dress(wanted) {
  if (wanted) document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
}
