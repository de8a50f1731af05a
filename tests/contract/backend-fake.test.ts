import { FakeBackend } from "../support/fake-backend.ts";
import { backendContract } from "./backend.contract.ts";

const backend = new FakeBackend();
backendContract("the fake", () => backend);
