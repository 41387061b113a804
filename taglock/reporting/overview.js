"use strict";
// Who opened this page with a key in its address has to show it again for a report: the links take it along.
{
  const code = new URLSearchParams(location.search).get("code");
  if (code) {
    for (const link of document.querySelectorAll("a.report")) {
      link.search = new URLSearchParams({ code }).toString();
    }
  }
}
