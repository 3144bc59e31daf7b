// Tables, pills and lists of facts, as every view shows them.

import { keyed, make, put } from "./elements.js";
import { say } from "./words.js";

/** Let a table have one row an item; ``fill`` gets the cells of each, and the item. */
export function rows(table, items, key, fill) {
  const heads = [...table.tHead.rows[0].cells];
  const create = () => make("tr", ...heads.map(() => make("td")));
  keyed(table.tBodies[0], items, key, create, (row, item) => {
    heads.forEach((head, place) => {
      row.cells[place].dataset.label = head.textContent.trim();
      row.cells[place].classList.toggle("n", head.classList.contains("n"));
    });
    fill(row.cells, item, row);
  });
}

/** Let an element hold a pill and words behind it. */
export function pill(cell, tone, word, text = "") {
  if (!cell.firstElementChild) cell.append(make("span.pill"), make("span.beside"));
  cell.children[0].dataset.tone = tone;
  put(cell.children[0], word);
  put(cell.children[1], text);
}

/** Show names and values. */
export function facts(list, items) {
  const create = () => make("div", make("dt"), make("dd", make("b"), make("span.muted")));
  keyed(list, items, ([word]) => word, create, (row, [word, value, more]) => {
    put(row.children[0], say(word));
    put(row.children[1].children[0], value);
    put(row.children[1].children[1], more ?? "");
  });
}
