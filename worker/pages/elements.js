// Elements made and kept.

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
