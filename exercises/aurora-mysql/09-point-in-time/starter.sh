# 1. What is in the binary log?
cat position.txt
mysql --execute='SHOW BINARY LOGS'

# 2. A server of my own on the copy
mkdir --mode=700 restored
tar --extract --file=base.tar --directory=restored

# 3. Replicate from the live server up to the transaction before the disaster

# 4. Bring back what is missing
