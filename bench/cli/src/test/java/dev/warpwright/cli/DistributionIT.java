package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The zip that users download, unpacked on a machine with a JDK and nothing else. */
@DisabledOnOs(OS.WINDOWS)
class DistributionIT {
  private static final Path ZIP = Path.of(System.getProperty("distribution.zip"));

  @TempDir Path folder;

  /** Unpacks with permissions, as unzip does. */
  private Path unpack() throws IOException {
    try (FileSystem zip =
        FileSystems.newFileSystem(ZIP, Map.of("enablePosixFileAttributes", true))) {
      Path root = zip.getPath("/");
      try (Stream<Path> entries = Files.walk(root)) {
        for (Path entry : (Iterable<Path>) entries::iterator) {
          Path target = folder.resolve(root.relativize(entry).toString());
          if (Files.isDirectory(entry)) {
            Files.createDirectories(target);
          } else {
            Files.copy(entry, target);
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(entry);
            Files.setPosixFilePermissions(target, permissions);
          }
        }
      }
      try (Stream<Path> top = Files.list(root)) {
        List<Path> all = top.toList();
        assertEquals(1, all.size(), "the zip must hold one folder: " + all);
        return folder.resolve(all.getFirst().getFileName().toString());
      }
    }
  }

  /** Without network where the system lets a user take it away. */
  private static List<String> offline() throws IOException, InterruptedException {
    List<String> unshare = List.of("unshare", "--map-root-user", "--net");
    List<String> probe = new ArrayList<>(unshare);
    probe.add("true");
    try {
      return new ProcessBuilder(probe).start().waitFor() == 0 ? unshare : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }

  private String run(Path distribution, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(offline());
    command.add(distribution.resolve("bin/warpwright").toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/bin:/bin");
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out;
  }

  @Test
  void startsWithAJdkAndNothingElse() throws Exception {
    Path distribution = unpack();
    for (String file : List.of("LICENSE", "NOTICE", "THIRD-PARTY.txt")) {
      assertTrue(Files.exists(distribution.resolve(file)), file);
    }
    assertTrue(run(distribution, "--version").contains("warpwright "));
    String devices = run(distribution, "devices");
    assertTrue(devices.contains("chosen"), devices);
    assertTrue(devices.contains("Vector API"), devices);
  }
}
