package dynamotest

import "strings"

// reserved are DynamoDB's reserved words of up to three letters. There are some five
// hundred more that are longer; see [parser.path].
var reserved = func() map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(`ADD ALL AND ANY ARE AS ASC AT AVG BIT BY DAY DEC END FOR GET GO IF IN INT IS KEY
		LAG LET LOG MAP MAX MIN MOD NEW NO NOT OF OFF OLD ON OR OUT PAD PER PUT RAW REF ROW SET SQL SUM TO TOP TTL USE`) {
		all[word] = true
	}
	return all
}()

// shortName is how long a name may be that stands in an expression as it is.
const shortName = 3
