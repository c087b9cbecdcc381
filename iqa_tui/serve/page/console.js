// Tells the terminal where its console is: at the address this page came from, through whatever tunnel that was.
document.getElementById("terminal").dataset.sessionWebsocketUrl =
  window.location.origin.replace(/^http/, "ws") + "/ws";
document.getElementById("again").addEventListener("click", () => window.location.reload());
