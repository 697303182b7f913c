import { index, route, type RouteConfig } from "@react-router/dev/routes";

export default [
  index("routes/home.tsx"),
  route("posts/:id", "routes/post.tsx"),
  route("form", "routes/form.tsx"),
  route("slow", "routes/slow.tsx"),
  route("crash", "routes/crash.tsx"),
  route("old", "routes/old.tsx"),
  route("api/time.json", "routes/api.ts"),
] satisfies RouteConfig;
