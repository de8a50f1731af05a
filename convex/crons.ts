import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

crons.interval("sweep what nobody else deletes", { hours: 1 }, internal.garbage.sweep);
// Its first run fills the search of a database from before there was one.
crons.interval("index what search lacks", { hours: 24 }, internal.passages.sweep, {});

export default crons;
