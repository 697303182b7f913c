import en from "../lang/en.js";
export const hello: string = en;
