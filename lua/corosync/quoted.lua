-- A name, of any bytes, in quotes and on one line.
return function(name)
  return (("%q"):format(name):gsub("\\\n", "\\n"):gsub('^"(.*)"$', "'%1'"))
end
