import sql from "./query.sql";
export const query = sql;
