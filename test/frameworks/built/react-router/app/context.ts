import { createContext } from "react-router";

/** What the worker's handler got, for loaders and actions. */
export const cloudflare = createContext<{ env: { VALUE_FROM_CLOUDFLARE: string } }>();
