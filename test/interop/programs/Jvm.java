// Runs programs within one JVM, as if each had one of its own: Kafka's tools call exit, read standard input and end by shutdown hooks.
// Lines of words on standard input, all but the first two in base64:
//   ID run MAIN STDIN ARGUMENT …     starts it
//   ID stop                          what Ctrl-C does: runs its shutdown hooks
// and on standard output: "ID out TEXT", "ID err TEXT", "ID end CODE". Programs run side by side.
import java.io.*;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.common.utils.Exit;

public class Jvm {
  static final PrintStream answers = System.out;
  static final InheritableThreadLocal<Program> current = new InheritableThreadLocal<>();
  /** A thread that has called exit would not have lived on, and says no more. */
  static final ThreadLocal<Boolean> exited = ThreadLocal.withInitial(() -> false);
  static final Map<String, Program> programs = new ConcurrentHashMap<>();

  static class Ended extends Error {
    Ended() {
      super("exit", null, false, false);
    }
  }

  static class Program {
    final String id;
    final InputStream input;
    final Queue<Runnable> hooks = new ConcurrentLinkedQueue<>();
    final ThreadGroup threads = new ThreadGroup("program");
    Thread thread;
    /** Null until it calls exit. The first call counts: tools catch what that throws, and call it again. */
    volatile Integer exitCode;

    Program(String id, byte[] stdin) {
      this.id = id;
      this.input = new ByteArrayInputStream(stdin);
    }

    void say(String what, byte[] bytes, int from, int length) {
      say(what, Base64.getEncoder().encodeToString(Arrays.copyOfRange(bytes, from, from + length)));
    }

    void say(String what, String word) {
      synchronized (answers) {
        answers.print(id + " " + what + " " + word + "\n");
        answers.flush();
      }
    }
  }

  /** Writes to the program on whose behalf the thread runs. */
  static class Router extends OutputStream {
    final String what;

    Router(String what) {
      this.what = what;
    }

    @Override public void write(int one) {
      write(new byte[] {(byte) one}, 0, 1);
    }

    @Override public void write(byte[] bytes, int from, int length) {
      Program program = current.get();
      if (program != null && !exited.get()) program.say(what, bytes, from, length);
    }
  }

  static class Input extends InputStream {
    @Override public int read() throws IOException {
      return current.get().input.read();
    }

    @Override public int read(byte[] bytes, int from, int length) throws IOException {
      return current.get().input.read(bytes, from, length);
    }
  }

  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in));
    System.setIn(new Input());
    System.setOut(new PrintStream(new BufferedOutputStream(new Router("out"), 1 << 16), true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new BufferedOutputStream(new Router("err"), 1 << 16), true, StandardCharsets.UTF_8));
    Exit.setExitProcedure((code, message) -> exit(code));
    Exit.setHaltProcedure((code, message) -> exit(code));
    Exit.setShutdownHookAdder((name, hook) -> {
      if (current.get() != null) current.get().hooks.add(hook);
    });
    for (String line; (line = lines.readLine()) != null; ) {
      String[] words = line.split(" ");
      if (words[1].equals("run")) run(words);
      else stop(programs.get(words[0]));
    }
    Runtime.getRuntime().halt(0);
  }

  static void run(String[] words) {
    Program program = new Program(words[0], Base64.getDecoder().decode(words[3].substring(1)));
    String name = text(words[2]);
    String[] arguments = Arrays.stream(words, 4, words.length).map(Jvm::text).toArray(String[]::new);
    programs.put(program.id, program);
    start(program, () -> {
      int code = 0;
      try {
        classOf(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
      } catch (InvocationTargetException e) {
        code = failed(e.getCause());
      } catch (Throwable e) {
        code = failed(e);
      }
      exited.set(false);
      for (Runnable hook : hooksOf(program)) hook.run();
      System.out.flush();
      System.err.flush();
      programs.remove(program.id);
      program.say("end", "" + (program.exitCode == null ? code : program.exitCode));
    });
  }

  /** Of this JVM's class path, or "PATH:PATH!NAME" of one of its own, which sees nothing of ours. A path ending in * is all jars in it. */
  static Class<?> classOf(String name) throws Exception {
    int mark = name.indexOf('!');
    if (mark == -1) return Class.forName(name);
    List<URL> places = new ArrayList<>();
    for (String path : name.substring(0, mark).split(File.pathSeparator)) {
      if (!path.endsWith("*")) places.add(new File(path).toURI().toURL());
      else for (File jar : new File(path.substring(0, path.length() - 1)).listFiles()) places.add(jar.toURI().toURL());
    }
    return new URLClassLoader(places.toArray(URL[]::new), ClassLoader.getPlatformClassLoader()).loadClass(name.substring(mark + 1));
  }

  static void exit(int code) {
    Program program = current.get();
    System.out.flush();
    System.err.flush();
    if (program != null && program.exitCode == null) program.exitCode = code;
    exited.set(true);
    throw new Ended();
  }

  static int failed(Throwable e) {
    if (!(e instanceof Ended)) e.printStackTrace();
    return 1;
  }

  static void stop(Program program) {
    if (program == null) return;
    List<Runnable> hooks = hooksOf(program);
    if (hooks.isEmpty()) program.thread.interrupt();
    for (Runnable hook : hooks) start(program, hook);
  }

  /** What it wants done at its end, each once: told to Kafka's own door, or to Java's, where its threads' group tells whose it is. */
  static synchronized List<Runnable> hooksOf(Program program) {
    List<Runnable> hooks = new ArrayList<>();
    for (Runnable hook; (hook = program.hooks.poll()) != null; ) hooks.add(hook);
    try {
      var field = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
      field.setAccessible(true);
      for (Object one : new ArrayList<>(((Map<?, ?>) field.get(null)).keySet())) {
        Thread hook = (Thread) one;
        if (hook.getThreadGroup() == program.threads && Runtime.getRuntime().removeShutdownHook(hook)) hooks.add(hook);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    return hooks;
  }

  static void start(Program program, Runnable work) {
    Thread thread = new Thread(program.threads, () -> {
      current.set(program);
      work.run();
    });
    thread.setDaemon(true);
    if (program.thread == null) program.thread = thread;
    thread.start();
  }

  /** Words are never empty: base64 behind an equals sign. */
  static String text(String word) {
    return new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8);
  }
}
