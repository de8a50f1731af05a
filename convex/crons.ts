import { cronJobs } from "convex/server";
import { internal } from "./_generated/api.js";

const crons = cronJobs();

crons.interval("sweep what nobody else deletes", { hours: 1 }, internal.garbage.sweep);

export default crons;
