// An open page of a correction follows the ledger: whenever it moves, what the page shows is fetched anew.
const follow = () => {
  const stream = new EventSource("events");
  let shown = null;
  const renew = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
    for (const part of ["header", "main", "footer"]) {
      document.querySelector(`body > ${part}`).replaceWith(page.querySelector(`body > ${part}`));
    }
    for (const summary of document.querySelectorAll("details > summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
  };
  // After a connection was lost the ledger may have moved without a word.
  stream.addEventListener("standing", (event) => {
    if (shown !== null && shown !== event.data) renew();
    shown = event.data;
  });
  stream.addEventListener("moved", (event) => {
    shown = event.data;
    renew();
  });
  window.addEventListener("pagehide", () => stream.close());
};
if (document.documentElement.dataset.correction) follow();
