/*-------------------------------------------------------------------------
 *
 * kafka_rest_reply.c
 *	  What a Kafka REST proxy answers, in JSON.
 *
 * A request whose records were refused has the status 200 all the same: each
 * record has its own result.
 *
 * Functions of jansson: see credentials_reply.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <jansson.h>

#include "aws/clean_text.h"
#include "source/kafka/kafka_rest.h"
#include "utils/memutils.h"

/* Codes of records that may be taken the next time. */
#define RETRIABLE_KAFKA 50003
#define RETRIABLE 2

typedef struct Reply
{
	json_t	   *json;
	MemoryContextCallback on_reset;
} Reply;

static void
free_reply(void *arg)
{
	json_decref(((Reply *) arg)->json);
}

/* The parsed document, freed with the current memory context; or NULL. */
static json_t *
parse(const RestAnswer *answer)
{
	Reply	   *reply = palloc0(sizeof(Reply));

	reply->on_reset.func = free_reply;
	reply->on_reset.arg = reply;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &reply->on_reset);
	reply->json = json_loadb(answer->body, answer->len, 0, NULL);
	return reply->json;
}

/* The text of an error, as proxies of Confluent or Strimzi call it; "" for none. */
static void
take_message(json_t *json, char *message, size_t room)
{
	const char *text = json_string_value(json_object_get(json, "error"));

	if (text == NULL)
		text = json_string_value(json_object_get(json, "message"));
	if (text == NULL)
		text = "";
	aws_clean_text(message, room, text, strlen(text), NULL);
}

/* False if it is no result. */
static bool
take_result(json_t *json, RestResult *result)
{
	json_t	   *partition = json_object_get(json, "partition");

	memset(result, 0, sizeof(RestResult));
	if (!json_is_object(json))
		return false;
	result->code = (int) json_integer_value(json_object_get(json, "error_code"));
	take_message(json, result->message, sizeof(result->message));
	result->taken = result->code == 0 && result->message[0] == '\0';
	result->retriable = result->code == RETRIABLE_KAFKA || result->code == RETRIABLE;
	result->partition = json_is_integer(partition) ? (int) json_integer_value(partition) : -1;
	return !result->taken || json_is_integer(json_object_get(json, "offset"));
}

bool
rest_reply_results(const RestAnswer *answer, int n, RestResult *results)
{
	json_t	   *offsets = json_object_get(parse(answer), "offsets");

	if (!json_is_array(offsets) || (int) json_array_size(offsets) != n)
		return false;
	for (int i = 0; i < n; i++)
		if (!take_result(json_array_get(offsets, i), &results[i]))
			return false;
	return true;
}

int
rest_reply_error(const RestAnswer *answer, char *message, size_t room)
{
	json_t	   *json = parse(answer);

	take_message(json, message, room);
	return (int) json_integer_value(json_object_get(json, "error_code"));
}
