import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const root = document.getElementById("root");
if (!root) throw new Error("index.html lacks #root.");
// What a boundary catches it shows.
createRoot(root, { onCaughtError: () => {} }).render(<App />);
