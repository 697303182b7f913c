export const lib = "lib";
//# sourceMappingURL=lib.mjs.map
