/*-------------------------------------------------------------------------
 *
 * kafka_rest_reply.c
 *	  What a Kafka REST proxy answers, in JSON.
 *
 * A request whose records were refused has the status 200 all the same: each
 * record has its own result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "net/json_tree.h"
#include "source/kafka/kafka_rest.h"

/* Codes of records that may be taken the next time. */
#define RETRIABLE_KAFKA 50003
#define RETRIABLE 2

/* The text of an error, as proxies of Confluent or Strimzi call it; "" for none. */
static void
take_message(const JsonTree *json, char *message, size_t room)
{
	const char *text = json_tree_string(json, "error");

	if (text == NULL)
		text = json_tree_string(json, "message");
	if (text == NULL)
		text = "";
	aws_clean_text(message, room, text, strlen(text), NULL);
}

/* False if it is no result. */
static bool
take_result(const JsonTree *json, RestResult *result)
{
	int64		code;
	int64		partition;
	int64		offset;

	memset(result, 0, sizeof(RestResult));
	if (!json_tree_is_object(json))
		return false;
	(void) json_tree_integer(json, "error_code", &code);
	result->code = (int) code;
	take_message(json, result->message, sizeof(result->message));
	result->taken = result->code == 0 && result->message[0] == '\0';
	result->retriable = result->code == RETRIABLE_KAFKA || result->code == RETRIABLE;
	result->partition = json_tree_integer(json, "partition", &partition) ? (int) partition : -1;
	return !result->taken || json_tree_integer(json, "offset", &offset);
}

bool
rest_reply_results(const RestAnswer *answer, int n, RestResult *results)
{
	JsonTree   *offsets = json_tree_member(json_tree(answer->body, answer->len), "offsets");

	if (json_tree_length(offsets) != n)
		return false;
	for (int i = 0; i < n; i++)
		if (!take_result(json_tree_element(offsets, i), &results[i]))
			return false;
	return true;
}

int
rest_reply_error(const RestAnswer *answer, char *message, size_t room)
{
	JsonTree   *json = json_tree(answer->body, answer->len);
	int64		code;

	take_message(json, message, room);
	(void) json_tree_integer(json, "error_code", &code);
	return (int) code;
}
