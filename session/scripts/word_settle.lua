-- What came of a push: the word is spoken, ready again for the poll, or will not be heard.
-- KEYS calls parts
-- ARGV sid turn state retention_ms
-- Returns {OK}; {GONE}: no such word, or the customer was deleted; {STATE, state}: somebody decided otherwise meanwhile
-- Safe to repeat. A word that was never pushed may be given up, too.
local word = word_of(sid, turn)
if not word then
  return {'GONE'}
end
if word.state == state then
  return {'OK'}
end
if word.state ~= 'pushing' and not (word.state == 'ready' and state == 'unheard') then
  return {'STATE', word.state}
end
word.state = state
keep_word(word, clock())
keep_alive(retention_ms)
return {'OK'}
