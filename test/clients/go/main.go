// The same calls as in typescript/scenario.ts, in Go.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"tasks/api"
)

var ctx = context.Background()

func main() {
	url, token := os.Getenv("API_URL"), os.Getenv("TOKEN")
	client := connect(url, token)

	key := "key of " + token
	created := create(client, "Buy milk", &key)
	equal(created.StatusCode(), 201, "a task")
	equal(created.JSON201.Title, "Buy milk", "its title")
	replayed := create(client, "Buy milk", &key)
	equal(replayed.JSON201.Id, created.JSON201.Id, "the task of a key that is sent again")
	equal(replayed.HTTPResponse.Header.Get("Idempotency-Replayed"), "true", "Idempotency-Replayed")

	create(client, "Water the plants", nil)
	create(client, "Call home", nil)
	limit := 2
	first := must(client.ListTasksWithResponse(ctx, &api.ListTasksParams{Limit: &limit}))
	equal(titles(*first.JSON200), "Call home, Water the plants", "the first page")
	cursor := first.HTTPResponse.Header.Get("X-Next-Cursor")
	second := must(client.ListTasksWithResponse(ctx, &api.ListTasksParams{Limit: &limit, Cursor: &cursor}))
	equal(titles(*second.JSON200), "Buy milk", "the second page")

	id, etag, done := created.JSON201.Id, created.HTTPResponse.Header.Get("ETag"), true
	match := api.PatchTaskParams{IfMatch: &etag}
	changed := must(client.PatchTaskWithResponse(ctx, id, &match, api.TaskUpdate{Completed: &done}))
	equal(changed.JSON200.Completed, true, "a change of what the ETag names")
	late := must(client.PatchTaskWithResponse(ctx, id, &match, api.TaskUpdate{Completed: &done}))
	equal(late.ApplicationproblemJSON412.Status, 412, "a change of what is no longer so")

	madeUp := "made up"
	wrong := must(client.ListTasksWithResponse(ctx, &api.ListTasksParams{Cursor: &madeUp}))
	equal(wrong.ApplicationproblemJSON400.Errors[0].Code, os.Getenv("CODE"), "errors[0].code")
	missing := must(client.GetTaskWithResponse(ctx, 9007199254740991, nil))
	equal(missing.ApplicationproblemJSON404.Instance, "/tasks/9007199254740991", "a task that is not there")
	stranger := must(connect(url, "nobody"+token).ListTasksWithResponse(ctx, nil))
	equal(stranger.ApplicationproblemJSON401.Type, "authentication_error", "an unknown token")

	for sent := 0; sent < 60; sent++ {
		if more := create(client, "One more", nil); more.StatusCode() != 201 {
			retryAfter := fmt.Sprint(more.ApplicationproblemJSON429.RetryAfter)
			equal(retryAfter, more.HTTPResponse.Header.Get("Retry-After"), "retry_after")
			return
		}
	}
	panic("the budget has no end")
}

func connect(url, token string) *api.ClientWithResponses {
	return must(api.NewClientWithResponses(url, api.WithRequestEditorFn(
		func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+token)
			return nil
		})))
}

func create(client *api.ClientWithResponses, title string, key *string) *api.CreateTaskResponse {
	params := api.CreateTaskParams{IdempotencyKey: key}
	return must(client.CreateTaskWithResponse(ctx, &params, api.TaskCreate{Title: title}))
}

func titles(tasks []api.Task) string {
	var all []string
	for _, task := range tasks {
		all = append(all, task.Title)
	}
	return strings.Join(all, ", ")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal[T comparable](actual, expected T, what string) {
	if actual != expected {
		panic(fmt.Sprintf("%s: %v, not %v", what, actual, expected))
	}
}
