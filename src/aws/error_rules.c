/*-------------------------------------------------------------------------
 *
 * error_rules.c
 *	  What the error codes of AWS mean.
 *
 * "Error responses" of the S3 API, "Common errors" of the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/error_rules.h"

#define HINT_KEYS "Check access_key_id and secret_access_key in the user mapping, or what the server's credential_source gives."
#define HINT_TOKEN \
	"Temporary credentials have ended, or do not belong to their keys. In a user mapping, set all three anew; others were already asked for again."
#define HINT_KMS "The key that encrypts the stream must be usable, by the owner of the keys that sign as well (kms:Decrypt)."

static const CodeRule rules[] = {
	{"InvalidAccessKeyId", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"SignatureDoesNotMatch", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"InvalidSignatureException", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"UnrecognizedClientException", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"InvalidClientTokenId", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"ExpiredToken", CODE_EXPIRED, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_TOKEN},
	{"ExpiredTokenException", CODE_EXPIRED, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_TOKEN},
	{"InvalidToken", CODE_EXPIRED, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_TOKEN},
	{"InvalidTokenId", CODE_EXPIRED, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_TOKEN},
	{"TokenRefreshRequired", CODE_EXPIRED, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_TOKEN},
	{"RequestTimeTooSkewed", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	"The clock of this machine and that of the service differ by more than 15 minutes."},
	{"RequestExpired", CODE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	"Check the clock of this machine."},
	{"AccessDenied", CODE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE,
	"The keys are known, but their owner may not do this: reading needs s3:ListBucket on the bucket and s3:GetObject on its objects, writing s3:PutObject and s3:AbortMultipartUpload."},
	{"InvalidObjectState", CODE_FINAL, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	"The object is archived. Restore it, or leave it out of the location."},
	{"NoSuchBucket", CODE_FINAL, ERRCODE_UNDEFINED_OBJECT,
	"Check the bucket's name in the table's location, and the endpoint and region of the server."},
	{"PreconditionFailed", CODE_FINAL, ERRCODE_T_R_SERIALIZATION_FAILURE, NULL},
	{"NoSuchKey", CODE_FINAL, ERRCODE_T_R_SERIALIZATION_FAILURE, NULL},
	{"SlowDown", CODE_SLOW_DOWN, 0, NULL},
	{"ServiceUnavailable", CODE_SLOW_DOWN, 0, NULL},
	{"ThrottlingException", CODE_SLOW_DOWN, 0, NULL},
	{"Throttling", CODE_SLOW_DOWN, 0, NULL},
	{"TooManyRequestsException", CODE_SLOW_DOWN, 0, NULL},
	{"RequestLimitExceeded", CODE_SLOW_DOWN, 0, NULL},
	{"RequestTimeout", CODE_RETRY, 0, NULL},
	{"IncompleteBody", CODE_RETRY, 0, NULL},
	{"BadDigest", CODE_RETRY, 0, NULL},
	{"InternalError", CODE_RETRY, 0, NULL},
	{"OperationAborted", CODE_RETRY, 0, NULL},
	{"ConditionalRequestConflict", CODE_RETRY, 0, NULL},

	/* Kinesis; the rest of what it throttles is for its reader to pace */
	{"AccessDeniedException", CODE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE,
	"The keys are known, but their owner may not do this: reading a stream needs kinesis:DescribeStreamSummary, kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords, writing kinesis:PutRecords, importing tables kinesis:ListStreams; administering streams the action that the service names; a request to an API gateway execute-api:Invoke."},
	{"MissingAuthenticationTokenException", CODE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE,
	"An API gateway says so of paths that it does not have, and where it wants signatures. Check option \"api_gateway\" of the server, which ends in the stage, and the keys."},
	{"ResourceNotFoundException", CODE_FINAL, ERRCODE_UNDEFINED_OBJECT,
	"Check the names of the stream and of its consumer, if it has one, and the endpoint and region of the server. A shard is gone when all its records have passed the stream's retention."},
	{"ResourceInUseException", CODE_FINAL, ERRCODE_OBJECT_IN_USE,
	"The stream is being created, changed or deleted, or consumers are registered with it."},
	{"ProvisionedThroughputExceededException", CODE_FINAL, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	"Each shard gives 5 answers and 2 MB a second to all its readers, and takes 1,000 records and 1 MB a second from all its writers."},
	{"LimitExceededException", CODE_SLOW_DOWN, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	"The account has limits for streams, shards and requests. Try again later, or have the limit raised."},
	{"InvalidArgumentException", CODE_FINAL, ERRCODE_INVALID_PARAMETER_VALUE, NULL},
	{"ValidationException", CODE_FINAL, ERRCODE_INVALID_PARAMETER_VALUE, NULL},
	{"InternalFailure", CODE_RETRY, 0, NULL},
	{"InternalFailureException", CODE_RETRY, 0, NULL},
	{"KMSThrottlingException", CODE_SLOW_DOWN, 0, NULL},
	{"KMSAccessDeniedException", CODE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE, HINT_KMS},
	{"KMSDisabledException", CODE_FINAL, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, HINT_KMS},
	{"KMSInvalidStateException", CODE_FINAL, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, HINT_KMS},
	{"KMSNotFoundException", CODE_FINAL, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, HINT_KMS},
	{"KMSOptInRequired", CODE_FINAL, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, HINT_KMS}
};

const CodeRule *
error_rule(const char *code)
{
	int			i;

	for (i = 0; i < (int) lengthof(rules); i++)
		if (strcmp(rules[i].code, code) == 0)
			return &rules[i];
	return NULL;
}
