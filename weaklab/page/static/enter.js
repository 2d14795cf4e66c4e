// The page with the password field: opens the labeling page.

const said = document.getElementById("said");

document.getElementById("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const password = document.getElementById("password").value;
  try {
    const response = await fetch("api/enter", { method: "POST", body: JSON.stringify({ password }) });
    if (response.ok) location.reload();
    else said.textContent = "This is not the password.";
  } catch {
    said.textContent = "The server does not answer.";
  }
});
