import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.ApiResponse;
import org.openapitools.client.api.TasksApi;
import org.openapitools.client.model.*;

/** The same calls as in typescript/scenario.ts, in Java. */
public final class Use {
    private static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

    private interface Call {
        void send() throws ApiException;
    }

    public static void main(String[] args) throws Exception {
        String url = System.getenv("API_URL");
        String token = System.getenv("TOKEN");
        TasksApi tasks = connect(url, token);

        String key = UUID.randomUUID().toString();
        ApiResponse<Task> created = create(tasks, "Buy milk", key);
        equal(created.getStatusCode(), 201, "a task");
        equal(created.getData().getTitle(), "Buy milk", "its title");
        ApiResponse<Task> replayed = create(tasks, "Buy milk", key);
        equal(replayed.getData().getId(), created.getData().getId(), "the task of a key that is sent again");
        equal(header(replayed, "Idempotency-Replayed"), "true", "Idempotency-Replayed");

        create(tasks, "Water the plants", null);
        create(tasks, "Call home", null);
        ApiResponse<List<Task>> first = tasks.listTasksWithHttpInfo(null, 2, null, null, null);
        equal(titles(first), List.of("Call home", "Water the plants"), "the first page");
        String cursor = header(first, "X-Next-Cursor");
        ApiResponse<List<Task>> second = tasks.listTasksWithHttpInfo(null, 2, cursor, null, null);
        equal(titles(second), List.of("Buy milk"), "the second page");

        long id = created.getData().getId();
        String etag = header(created, "ETag");
        TaskUpdate done = new TaskUpdate().completed(true);
        equal(tasks.patchTaskWithHttpInfo(id, done, etag, null).getData().getCompleted(), true, "a change");
        PreconditionFailedProblem late =
            problem(412, PreconditionFailedProblem.class, () -> tasks.patchTask(id, done, etag, null));
        equal(late.getStatus().getValue(), 412, "a change of what is no longer so");

        ValidationProblem wrong =
            problem(400, ValidationProblem.class, () -> tasks.listTasks(null, null, "made up", null, null));
        equal(wrong.getErrors().get(0).getCode(), System.getenv("CODE"), "errors[0].code");
        NotFoundProblem missing =
            problem(404, NotFoundProblem.class, () -> tasks.getTask(9007199254740991L, null, null));
        equal(missing.getInstance().toString(), "/tasks/9007199254740991", "a task that is not there");
        TasksApi stranger = connect(url, "nobody" + token);
        AuthenticationProblem unknown =
            problem(401, AuthenticationProblem.class, () -> stranger.listTasks(null, null, null, null, null));
        equal(unknown.getType().getValue(), "authentication_error", "an unknown token");

        RateLimitExceededProblem spent = problem(429, RateLimitExceededProblem.class, () -> {
            for (int sent = 0; sent < 60; sent++) create(tasks, "One more", null);
        });
        equal(spent.getRetryAfter() > 0, true, "retry_after");
    }

    private static TasksApi connect(String url, String token) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        return new TasksApi(client);
    }

    private static ApiResponse<Task> create(TasksApi tasks, String title, String key) throws ApiException {
        return tasks.createTaskWithHttpInfo(new TaskCreate().title(title), key, null);
    }

    /** The client throws what is not a success, with the body as text. */
    private static <T> T problem(int status, Class<T> type, Call call) throws Exception {
        try {
            call.send();
        } catch (ApiException error) {
            equal(error.getCode(), status, "the status");
            return JSON.readValue(error.getResponseBody(), type);
        }
        throw new AssertionError("there was no " + status);
    }

    private static List<String> titles(ApiResponse<List<Task>> page) {
        return page.getData().stream().map(Task::getTitle).toList();
    }

    private static String header(ApiResponse<?> response, String name) {
        return response.getHeaders().entrySet().stream()
            .filter(entry -> entry.getKey().equalsIgnoreCase(name))
            .map(entry -> entry.getValue().get(0))
            .findFirst()
            .orElse(null);
    }

    private static void equal(Object actual, Object expected, String what) {
        if (!actual.equals(expected)) throw new AssertionError(what + ": " + actual + ", not " + expected);
    }
}
