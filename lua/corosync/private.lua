-- The key of the private record of a group or a service. It is a table, so no field of a user's class can have it.
-- The functions of the library take the record, and never call methods of the object, which a class may replace.
return {}
