/*-------------------------------------------------------------------------
 *
 * error.c
 *	  librdkafka's errors as PostgreSQL's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/handle.h"
#include "pg_compat.h"

bool
kafka_error_is_transient(rd_kafka_resp_err_t err)
{
	switch (err)
	{
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
		case RD_KAFKA_RESP_ERR__WAIT_COORD:
		case RD_KAFKA_RESP_ERR__WAIT_CACHE:
		case RD_KAFKA_RESP_ERR__IN_PROGRESS:
		case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
		case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
		case RD_KAFKA_RESP_ERR__RETRY:
		case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
		case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
		case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
		case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
		case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
		case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
		case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
			return true;
		default:
			return false;
	}
}

static int
sqlstate_of(rd_kafka_resp_err_t err)
{
	switch (err)
	{
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
		case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return ERRCODE_UNDEFINED_OBJECT;
		case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
			return ERRCODE_DUPLICATE_OBJECT;
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
		case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
		case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case RD_KAFKA_RESP_ERR__SSL:
		case RD_KAFKA_RESP_ERR__RESOLVE:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
			return ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
		case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
			return ERRCODE_CONNECTION_FAILURE;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

static const char *
hint_of(rd_kafka_resp_err_t err)
{
	switch (err)
	{
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
			return "Check \"sasl.username\" and \"sasl.password\" of the user mapping, and \"sasl.mechanism\" of the server.";
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
			return "The broker does not offer this \"sasl.mechanism\".";
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			return "The cluster's access rules must allow the user Describe and Read on the topic, and Write for INSERT.";
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
			return "The cluster's access rules do not allow the user to do this. INSERT needs Write on the topic, and before Kafka 3 IdempotentWrite on the cluster.";
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
			return "Check the name of the topic. A topic that the user may not describe looks the same.";
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
			return "Raise \"message.max.bytes\" of the server, and \"max.message.bytes\" of the topic.";
		case RD_KAFKA_RESP_ERR__SSL:
			return "Check \"ssl.ca.location\" or \"ssl.ca.pem\", that the broker's certificate is for its host name and has not expired, and the certificate to sign in with, if the broker wants one.";
		case RD_KAFKA_RESP_ERR__RESOLVE:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__TRANSPORT:
			return "Check \"bootstrap.servers\" and \"security.protocol\", and whether the brokers can be reached from the database server; pinterest.check_server() tries it step by step.";
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
			return "Raise the setting \"pinterest.request_timeout\" if the cluster is just slow.";
		default:
			return NULL;
	}
}

/* What is wrong, as the end of a sentence. */
static const char *
text_of(rd_kafka_resp_err_t err)
{
	const char *text;

	switch (err)
	{
		case RD_KAFKA_RESP_ERR__TIMED_OUT:
			return "the Kafka cluster did not answer in time";
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
			return "no broker can be reached";
		case RD_KAFKA_RESP_ERR__RESOLVE:
			return "the name of a broker cannot be resolved";
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
			return "the broker refused the sign-in";
		case RD_KAFKA_RESP_ERR__SSL:
			return "no TLS connection could be made";
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
			return "there is no such topic or partition";
		case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
			return "it already exists";
		default:
			/* "Broker: Message size too large" */
			text = strstr(rd_kafka_err2str(err), ": ");
			return text != NULL ? text + 2 : rd_kafka_err2str(err);
	}
}

pg_noreturn static void
raise_with_hint(rd_kafka_resp_err_t err, const char *reason, const char *what,
				const char *subject, const char *hint)
{
	ereport(ERROR,
			(errcode(sqlstate_of(err)),
			 errmsg("could not %s \"%s\": %s", what, subject, text_of(err)),
			 reason != NULL && *reason != '\0' ? errdetail_internal("%s", reason) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
kafka_raise(rd_kafka_resp_err_t err, const char *reason, const char *what,
			const char *subject)
{
	raise_with_hint(err, reason, what, subject, hint_of(err));
}

void
kafka_raise_stranger(const KafkaClient *client, const char *what, const char *subject)
{
	const char *hint = hint_of(client->error);

	if (client->mechanism == KAFKA_MSK_IAM)
		hint = "Check the AWS keys, that they allow kafka-cluster:Connect, the region, and this machine's clock.";
	else if (client->mechanism == KAFKA_OAUTHBEARER)
		hint = "Check that the cluster takes tokens of \"sasl.oauthbearer.token.endpoint.url\", with this \"sasl.oauthbearer.scope\".";
	raise_with_hint(client->error, client->reason, what, subject, hint);
}
