// A client whose types are generated from docs/openapi.json: it submits a job, reads it, lists it and deletes it.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Job = components["schemas"]["Job"];
const [server, token] = [process.env.LGI_DEFAULTSERVER, process.env.LGI_TOKEN];
const lgi = createClient<paths>({ baseUrl: `${server}/api/v1`, headers: { Authorization: `Bearer ${token}` } });

const me = await lgi.GET("/me");
const made = await lgi.POST("/jobs", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: { application: "hello_world", input: "größe", name: "sweep", labels: ["kind=md"] },
});
if (!made.data) throw new Error(JSON.stringify(made.error));
const job: Job = made.data;
const path = { job_id: job.job_id };

const found = await lgi.GET("/jobs/{job_id}", { params: { path } });
const listed = await lgi.GET("/jobs", { params: { query: { name: "sweep", labels: "kind=md" } } });
const removed = await lgi.DELETE("/jobs/{job_id}", { params: { path } });
const missing = await lgi.GET("/jobs/{job_id}", { params: { path } });

console.log(
  JSON.stringify({
    project: me.data?.project,
    input: found.data?.input,
    labels: found.data?.labels,
    listed: listed.data?.jobs.map((one) => one.job_id),
    job: job.job_id,
    removed: removed.response.status,
    refusal: missing.error?.lgi_error,
    status: missing.response.status,
  }),
);
