/*-------------------------------------------------------------------------
 *
 * error.c
 *	  What can be wrong with a JSON document, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/error.h"

const char *
json_error_detail(JsonError error)
{
	switch (error)
	{
		case JSON_ERROR_NONE:
			break;
		case JSON_ERROR_VALUE:
			return "A JSON value was expected.";
		case JSON_ERROR_NUMBER:
			return "A number is malformed.";
		case JSON_ERROR_KEY:
			return "A key in double quotes was expected.";
		case JSON_ERROR_COLON:
			return "\":\" was expected after a key.";
		case JSON_ERROR_OBJECT_END:
			return "\",\" or \"}\" was expected after a value in an object.";
		case JSON_ERROR_ARRAY_END:
			return "\",\" or \"]\" was expected after a value in an array.";
		case JSON_ERROR_CONTROL:
			return "A string holds a control character that is not escaped.";
		case JSON_ERROR_ESCAPE:
			return "A string holds an invalid escape.";
		case JSON_ERROR_ZERO:
			return "A string holds \\u0000, which cannot be converted to text.";
		case JSON_ERROR_SURROGATE:
			return "A string holds half of a Unicode surrogate pair.";
		case JSON_ERROR_UTF8:
			return "A string holds bytes that are not valid UTF-8.";
		case JSON_ERROR_DEPTH:
			return "Arrays and objects are nested too deeply.";
		case JSON_ERROR_NOT_OBJECT:
			return "The record is not a JSON object.";
		case JSON_ERROR_NOT_ARRAY:
			return "The format is \"array\", but there is no array here.";
		case JSON_ERROR_SEPARATOR:
			return "\",\" or \"]\" was expected after an element of the array of records.";
		case JSON_ERROR_UNCLOSED_ARRAY:
			return "The array of records has no end.";
		case JSON_ERROR_SPANS_LINES:
			return "The format is \"lines\", but the record does not end on its line.";
		case JSON_ERROR_TOO_LARGE:
			return "The record is larger than \"pinterest.max_record_size\" allows.";
		case JSON_ERROR_EMPTY:
			return "The record is empty.";
		case JSON_ERROR_TRAILING:
			return "Something follows the JSON object.";
	}
	return "There is no error.";
}
