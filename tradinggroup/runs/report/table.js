"use strict";
(() => {
  const value = (cell) => {
    const text = cell ? cell.textContent.trim() : "";
    const number = parseFloat(text.replace(/[, +]/g, ""));
    return /^[-+]?[\d.,]+( %)?$/.test(text) && Number.isFinite(number) ? number : text;
  };
  const compare = (a, b) => {
    if (a === "-" || a === "") return b === "-" || b === "" ? 0 : 1;
    if (b === "-" || b === "") return -1;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  };
  const sort = (head) => {
    const place = head.cellIndex;
    const body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [value(row.cells[place]), row]);
    rows.sort((a, b) => {
      const order = compare(a[0], b[0]);
      return typeof a[0] === "string" && typeof b[0] === "string" && (a[0] === "-" || b[0] === "-") ? order : down ? -order : order;
    });
    body.append(...rows.map((pair) => pair[1]));
  };
  for (const head of document.querySelectorAll("table.sort thead th")) {
    head.classList.add("sortable");
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort(head);
      }
    });
  }
  for (const form of document.querySelectorAll("form[data-filter]")) {
    const rows = [...document.getElementById(form.dataset.filter).children];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const read = (name) => (form.querySelector(`[${name}]`) || { value: "" }).value;
    const filter = () => {
      const words = read("data-find").toLowerCase().split(/\s+/).filter(Boolean);
      const symbol = read("data-symbol");
      const kind = read("data-kind");
      let shown = 0;
      rows.forEach((row, place) => {
        const fits =
          (!symbol || row.dataset.s === symbol) &&
          (!kind || row.dataset.k.split(" ").includes(kind)) &&
          words.every((word) => texts[place].includes(word));
        row.hidden = !fits;
        shown += fits;
      });
      form.querySelector("output").textContent = `${shown} of ${rows.length}`;
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.hidden = false;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView({ block: target.parentElement.id === "decision-list" ? "center" : "start" });
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
