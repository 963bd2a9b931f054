// Of Python 3.11, with what 3.14 added; what older ones had and newer ones have not stays.
const STANDARD = new Set(
  (
    "abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop " +
    "base64 bdb binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs " +
    "codeop collections colorsys compileall compression concurrent configparser contextlib contextvars " +
    "copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest " +
    "email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib " +
    "functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http " +
    "idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache " +
    "locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt " +
    "multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os " +
    "ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath " +
    "pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re " +
    "readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil " +
    "signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants " +
    "sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig " +
    "syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit tkinter token " +
    "tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest " +
    "urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc " +
    "zipapp zipfile zipimport zlib zoneinfo"
  ).split(" "),
);

const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  attr: "attrs",
  bs4: "beautifulsoup4",
  cv2: "opencv-python",
  dateutil: "python-dateutil",
  dotenv: "python-dotenv",
  fitz: "pymupdf",
  git: "gitpython",
  grpc: "grpcio",
  jose: "python-jose",
  jwt: "pyjwt",
  magic: "python-magic",
  OpenSSL: "pyopenssl",
  PIL: "pillow",
  pkg_resources: "setuptools",
  serial: "pyserial",
  sklearn: "scikit-learn",
  skimage: "scikit-image",
  slugify: "python-slugify",
  usb: "pyusb",
  yaml: "pyyaml",
  zmq: "pyzmq",
};

/** Whether Python itself brings a module of the top level. */
export const isStandardModule = (name: string): boolean => name.startsWith("_") || STANDARD.has(name);

/** The name, as package URLs write it, of the distribution that brings a module, which is mostly the module's own. */
export const distributionOf = (module: string): string =>
  Object.hasOwn(DISTRIBUTIONS, module)
    ? (DISTRIBUTIONS[module] ?? module)
    : module.toLowerCase().replaceAll(/[_.-]+/g, "-");
