// An open page of a correction follows the ledger: whenever it moves, what the page shows is fetched anew.
const RETRY = 5000;
const follow = () => {
  let stream = null, shown = null, asked = 0, later = null;
  const renew = async () => {
    const mine = ++asked;
    let text;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      text = await answer.text();
    } catch {
      if (mine === asked) setTimeout(renew, RETRY);
      return;
    }
    if (mine !== asked) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    const open = [...document.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
    const focused = document.activeElement?.getAttribute("href");
    for (const part of ["header", "main", "footer"]) {
      document.querySelector(`body > ${part}`).replaceWith(page.querySelector(`body > ${part}`));
    }
    for (const summary of document.querySelectorAll("details > summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    if (focused) [...document.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === focused)?.focus();
  };
  const heard = (event) => {
    if (shown !== null && shown !== event.data) renew();
    shown = event.data;
  };
  const close = () => {
    clearTimeout(later);
    stream?.close();
    stream = null;
  };
  const begin = () => {
    close();
    stream = new EventSource("events");
    // After a connection was lost the ledger may have moved without a word, so its standing is compared.
    stream.addEventListener("standing", heard);
    stream.addEventListener("moved", heard);
    stream.addEventListener("error", () => {
      // A browser connects again by itself, except after an answer that is no stream, such as a proxy's.
      if (stream?.readyState === EventSource.CLOSED) later = setTimeout(begin, RETRY);
    });
  };
  // A browser has six connections to a place: a page that nobody sees keeps none of them.
  const seen = () => (document.visibilityState === "visible" ? begin() : close());
  document.addEventListener("visibilitychange", seen);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && seen());
  seen();
};
if (document.documentElement.dataset.correction) follow();
