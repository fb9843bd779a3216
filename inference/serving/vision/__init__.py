"""Pictures in, JSON out: for who has a JPEG and no tensor.

`rest.py` has the routes; what a request asks for is read in `asked.py`, `pictures.py`, `multipart.py` and `media.py`,
what it is answered is written in `answers.py`. `addresses.py` fetches what is given by URL, where that is allowed.
"""
