/*-------------------------------------------------------------------------
 *
 * error_rules.h
 *	  What the error codes of AWS mean.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_ERROR_RULES_H
#define PINTEREST_AWS_ERROR_RULES_H

#include "postgres.h"

/* What to do about a code. */
typedef enum CodeVerdict
{
	CODE_FINAL,
	CODE_RETRY,
	CODE_SLOW_DOWN,				/* retry, and send fewer requests */
	CODE_EXPIRED				/* other credentials are needed */
} CodeVerdict;

/* How to report a code, and what to do about it. */
typedef struct CodeRule
{
	const char *code;
	CodeVerdict verdict;
	int			sqlstate;		/* 0: go by the status */
	const char *hint;
} CodeRule;

/* NULL if nothing is known of it. */
extern const CodeRule *error_rule(const char *code);

#endif							/* PINTEREST_AWS_ERROR_RULES_H */
