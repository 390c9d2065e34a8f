"use strict";
(() => {
  // Tables: a click on a heading sorts, words and lists choose rows.
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

  const valueOf = (cell) =>
    cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort;

  function sort(table, heading, place) {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const numbers = heading.classList.contains("number");
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, value: valueOf(row.cells[place]) }));
    const sign = down ? -1 : 1;
    rows.sort((a, b) => {
      // What is missing stays at the end, whichever way it is sorted.
      if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
      return sign * (numbers ? Number(a.value) - Number(b.value) : compare(a.value, b.value));
    });
    body.append(...rows.map((each) => each.row));
  }

  function choose(figure) {
    const words = figure.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
    const lists = Array.from(figure.querySelectorAll("select")).filter((list) => list.value);
    const rows = Array.from(figure.querySelector("tbody").rows);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits =
        words.every((word) => text.includes(word)) &&
        lists.every((list) => row.cells[list.dataset.column].textContent === list.value);
      row.hidden = !fits;
      shown += fits;
    }
    figure.querySelector("output").value =
      shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  }

  for (const figure of document.querySelectorAll("figure.table")) {
    const table = figure.querySelector("table");
    if (!table) continue;
    Array.from(table.tHead.rows[0].cells).forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(table, heading, place));
      heading.replaceChildren(button);
    });
    figure.querySelector(".tools").hidden = table.tBodies[0].rows.length < 2;
    figure.querySelector("input").addEventListener("input", () => choose(figure));
    for (const list of figure.querySelectorAll("select")) {
      list.addEventListener("change", () => choose(figure));
    }
    choose(figure);
    const copy = figure.querySelector(".copy");
    copy.hidden = !navigator.clipboard;
    copy.addEventListener("click", async () => {
      const address = figure.querySelector("a[download]").href;
      await navigator.clipboard.writeText(decodeURIComponent(address.split(",")[1]));
      copy.textContent = "copied";
    });
  }

  // Light or dark: as the system has it, until it is chosen.
  const NAME = "opscore-theme";
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const stored = () => {
    try { return localStorage.getItem(NAME); } catch { return null; }
  };
  const store = (theme) => {
    try { localStorage.setItem(NAME, theme); } catch { /* a page from a file may not */ }
  };
  const isDark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => { button.textContent = isDark() ? "light page" : "dark page"; };
  const before = stored();
  if (before === "light" || before === "dark") root.dataset.theme = before;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    store(root.dataset.theme);
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  button.hidden = false;
  label();
})();
