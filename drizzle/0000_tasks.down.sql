DROP TABLE "tasks";
--> statement-breakpoint
DROP TABLE "idempotency_keys";
