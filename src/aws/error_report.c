/*-------------------------------------------------------------------------
 *
 * error_report.c
 *	  What went wrong with an AWS call: told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/error.h"
#include "aws/error_rules.h"

static int
sqlstate_of(const AwsFailure *failure)
{
	const CodeRule *rule = error_rule(failure->code);

	if (failure->problem == AWS_CHANGED)
		return ERRCODE_T_R_SERIALIZATION_FAILURE;
	if (failure->problem == AWS_SHORT_BODY)
		return ERRCODE_CONNECTION_FAILURE;
	if (failure->problem == AWS_NO_ANSWER)
		switch (failure->http_failure)
		{
			case HTTP_REFUSED_ADDRESS:
				return ERRCODE_INSUFFICIENT_PRIVILEGE;
			case HTTP_NO_CONNECTION:
			case HTTP_TLS_CERTIFICATE:
				return ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			default:
				return ERRCODE_CONNECTION_FAILURE;
		}
	if (rule != NULL && rule->sqlstate != 0)
		return rule->sqlstate;
	switch (failure->status)
	{
		case 401:
		case 403:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case 404:
			return ERRCODE_UNDEFINED_OBJECT;
		case 412:
			return ERRCODE_T_R_SERIALIZATION_FAILURE;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

static bool
replaced(const AwsFailure *failure)
{
	return failure->problem == AWS_CHANGED ||
		(failure->problem == AWS_ERROR_ANSWER && failure->status == 412);
}

static const char *
hint_of(const AwsFailure *failure)
{
	const CodeRule *rule = error_rule(failure->code);

	if (failure->http_failure == HTTP_REFUSED_ADDRESS)
		return "Loopback and private addresses are open only to a server that a superuser owns, link-local addresses to none.";
	if (failure->http_failure == HTTP_TLS_CERTIFICATE)
		return "Check the endpoint's host name, and that option \"ca_file\" of the server, or without it this machine, trusts the authority that signed its certificate.";
	if (failure->problem == AWS_NO_ANSWER || failure->problem == AWS_BAD_ANSWER ||
		failure->html ||
		(failure->status >= 200 && failure->status < 300))
		return "Check the endpoint and the region of the server, and that nothing stands between this machine and it; pinterest.check_server() tries it step by step.";
	if (replaced(failure))
		return "Run the query again.";
	if (aws_failure_missing(failure))
		return "Run the query again. To do without objects that are gone when they are to be read, set option \"missing_objects\" of the table to \"skip\".";
	if (failure->redirect[0] != '\0' && failure->region[0] == '\0')
		return "Redirects are not followed. Check the endpoint and the region of the server.";
	if (aws_failure_wrong_region(failure))
		return failure->region[0] == '\0' ? "Set the region of the server to that of the bucket." :
			psprintf("Set the region of the server to \"%s\".", failure->region);
	if (rule != NULL && rule->hint != NULL)
		return rule->hint;
	if (aws_failure_slow_down(failure))
		return "The service is overloaded. Try again later, or with fewer connections.";
	return NULL;
}

/* What follows the colon of the primary message. */
static const char *
reason_of(const AwsFailure *failure)
{
	if (failure->problem != AWS_ERROR_ANSWER)
		return failure->text;
	if (replaced(failure))
		return "it was replaced while it was being read";
	if (aws_failure_missing(failure))
		return "it was removed after it had been listed";
	if (aws_failure_wrong_region(failure) && failure->region[0] != '\0')
		return psprintf("the bucket is in region \"%s\"", failure->region);
	if (failure->redirect[0] != '\0')
		return psprintf("the service redirects to \"%s\"", failure->redirect);
	if (failure->code[0] != '\0')
		return failure->code;
	if (failure->status < 300)
		return "the answer is not that of such a service";
	return psprintf("HTTP status %d", failure->status);
}

static const char *
detail_of(const AwsFailure *failure, int attempts)
{
	StringInfoData out;

	initStringInfo(&out);
	if (failure->problem == AWS_ERROR_ANSWER)
	{
		appendStringInfoString(&out, failure->status == 0 ? "The service refused it" :
							   psprintf("The service answered with status %d", failure->status));
		if (failure->html)
			appendStringInfo(&out, " and a web page: \"%s\".", failure->message);
		else if (failure->garbage)
			appendStringInfo(&out, " and a body that is no error report: \"%s\".",
							 failure->message);
		else if (failure->code[0] != '\0' && failure->message[0] != '\0')
			appendStringInfo(&out, ", code %s: \"%s\".", failure->code, failure->message);
		else if (failure->code[0] != '\0')
			appendStringInfo(&out, ", code %s.", failure->code);
		else if (failure->message[0] != '\0')
			appendStringInfo(&out, ": \"%s\".", failure->message);
		else
			appendStringInfoString(&out, " and no explanation.");
		if (failure->request_id[0] != '\0')
			appendStringInfo(&out, " Request id: %s.", failure->request_id);
	}
	if (attempts > 1)
		appendStringInfo(&out, "%sThe request was sent %d times.",
						 out.len > 0 ? " " : "", attempts);
	return out.len > 0 ? out.data : NULL;
}

void
aws_failure_report(const AwsFailure *failure, const char *what,
				   const char *subject, int attempts)
{
	const char *detail = detail_of(failure, attempts);
	const char *hint = hint_of(failure);

	ereport(ERROR,
			(errcode(sqlstate_of(failure)),
			 errmsg("could not %s \"%s\": %s", what, subject, reason_of(failure)),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}
