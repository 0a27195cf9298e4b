package dev.warpwright.kernels;

import java.lang.ref.Cleaner;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reports objects that were garbage collected without having been closed: name, size and, when
 * tracing is on, where they were made. It never frees anything itself. Tracing is switched on by
 * the system property {@code dev.warpwright.traceAllocations}.
 */
public final class LeakDetector {
  private static final Cleaner CLEANER =
      Cleaner.create(Thread.ofPlatform().name("warpwright-leaks").daemon().factory());
  private static final boolean TRACE = Boolean.getBoolean("dev.warpwright.traceAllocations");
  private static final System.Logger LOG = System.getLogger("dev.warpwright.leaks");

  private static volatile Consumer<String> listener =
      report -> LOG.log(System.Logger.Level.WARNING, report);

  private LeakDetector() {}

  /**
   * Sends reports to {@code consumer} and returns the one that got them before; the default writes
   * a warning to the log.
   */
  public static Consumer<String> listen(Consumer<String> consumer) {
    Consumer<String> before = listener;
    listener = consumer;
    return before;
  }

  /**
   * Watches {@code owner} until its registration is closed.
   *
   * @param owner the object that must be closed
   * @param name what it is, for the report
   * @param bytes memory that it holds
   */
  public static Registration register(Object owner, String name, long bytes) {
    Registration registration =
        new Registration(name, bytes, TRACE ? new Throwable("allocated here") : null);
    CLEANER.register(owner, registration::ownerCollected);
    MemoryAccount.add(name, bytes);
    return registration;
  }

  /** The watch over one object. */
  public static final class Registration implements AutoCloseable {
    private final String name;
    private volatile long bytes;
    private final @Nullable Throwable site;
    private volatile boolean closed;

    private Registration(String name, long bytes, @Nullable Throwable site) {
      this.name = name;
      this.bytes = bytes;
      this.site = site;
    }

    /** Memory that the object holds. */
    public long bytes() {
      return bytes;
    }

    /** The object holds another amount of memory from now on; nothing happens once it is closed. */
    synchronized void resize(long value) {
      if (!closed) {
        MemoryAccount.add(name, value - bytes);
        bytes = value;
      }
    }

    /** The object was closed as it should be; its bytes are no longer accounted for. Idempotent. */
    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        MemoryAccount.add(name, -bytes);
      }
    }

    private void ownerCollected() {
      if (closed) {
        return;
      }
      StringBuilder report =
          new StringBuilder("leaked: " + name + " (" + bytes + " bytes) was never closed");
      if (site == null) {
        report.append("; -Ddev.warpwright.traceAllocations=true says where it was made");
      } else {
        for (StackTraceElement frame : site.getStackTrace()) {
          report.append("\n\tat ").append(frame);
        }
      }
      listener.accept(report.toString());
    }
  }
}
