"use strict";
// The filter of the findings. It only hides rows; it never writes text that came with the report.
{
  const table = document.getElementById("findings");
  const filter = document.getElementById("filter");
  if (table && filter) {
    const wanted = document.getElementById("filter-text");
    const kind = document.getElementById("filter-kind");
    const shown = document.getElementById("filter-shown");
    const none = document.getElementById("filter-none");
    const rows = Array.from(table.tBodies[0].rows, (row) => ({
      row,
      kind: row.dataset.kind,
      text: row.textContent.toLowerCase(),
    }));
    const apply = () => {
      const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
      let number = 0;
      for (const each of rows) {
        const fits = (!kind.value || kind.value === each.kind) && words.every((word) => each.text.includes(word));
        each.row.hidden = !fits;
        number += fits ? 1 : 0;
      }
      shown.textContent = `${number.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
      none.hidden = number > 0;
      table.hidden = number === 0;
    };
    wanted.addEventListener("input", apply);
    kind.addEventListener("change", apply);
    filter.hidden = false;
    apply(); // a browser may have kept what was typed before a reload
  }
}
