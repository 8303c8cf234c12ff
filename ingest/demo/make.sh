#!/bin/sh
# Makes the clip that `bongsu serve --demo` plays: a test card with a running clock, a mark that goes round once a second,
# and a soft note on every second, so that lip sync and smoothness can be judged by eye and ear. Ten seconds that loop.
#
# Needs Debian's ffmpeg, fontconfig, fonts-dejavu-core and fonts-noto-cjk. Both files are elementary streams:
#   clip.h264  640x360, 30 frames a second, constrained baseline (no B-frames), a keyframe every 2 s
#   clip.ogg   Opus, stereo; its 500 packets of 20 ms are as long as the 300 pictures
set -eu
cd "$(dirname "$0")"

ember=0xff8a3d
cream=0xfff3e0
dim=0xb89a85
mono="font=DejaVu Sans Mono"

# Behind everything: night, with the glow of a beacon below, under a faint grid.
night="geq=r='22+150*exp(-hypot((X-320)/330,(Y-400)/150)*1.35)':g='18+62*exp(-hypot((X-320)/330,(Y-400)/150)*1.6)':b='26+18*exp(-hypot((X-320)/330,(Y-400)/150)*2)'"
grid="drawgrid=w=40:h=40:x=0:y=20:t=1:color=white@0.045"

disc() { # diameter
	echo "color=c=$ember:s=${1}x$1:r=30,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*clip(($1+1)/2-hypot(X-($1-1)/2,Y-($1-1)/2)-0.5,0,1)'"
}
hangul=$(fc-match -f '%{file}' 'Noto Sans CJK KR:bold')

bars=""
x=40
for color in 0xc9c2b8 0xb9a63a 0x3a9fa6 0x3d9a4e 0x9a4293 0xb53a32 0x35409a; do
	bars="$bars,drawbox=x=$x:y=300:w=80:h=22:color=$color:t=fill"
	x=$((x + 80))
done

ffmpeg -hide_banner -loglevel error -y \
	-f lavfi -i "color=c=black:s=640x360:r=30:d=0.04,format=gbrp,$night,$grid,format=yuv444p$bars,loop=loop=-1:size=1:start=0,setpts=N/30/TB" \
	-f lavfi -i "$(disc 14)" -f lavfi -i "$(disc 40)" \
	-f lavfi -i "color=c=$cream:s=120x120:r=30:d=0.04,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='70*clip(2-abs(hypot(X-59.5,Y-59.5)-48),0,1)',loop=loop=-1:size=1:start=0,setpts=N/30/TB" \
	-f lavfi -i "color=c=0x4a3a34:s=560x4:r=30" -f lavfi -i "color=c=$ember:s=560x4:r=30" \
	-filter_complex "
		[4][5]overlay=x='-560+56*t':eval=frame[line];
		[0][3]overlay=x=460:y=70[card];
		[card][line]overlay=x=40:y=330[base];
		[base][1]overlay=x='513+48*sin(2*PI*t)':y='123-48*cos(2*PI*t)':eval=frame[round];
		[round][2]overlay=x=500:y=110:enable='lt(mod(n,30),4)',
		drawtext=fontfile=$hangul:text='봉수':fontsize=58:fontcolor=$ember:x=60:y=52,
		drawtext=font='DejaVu Sans\\:bold':text='Bongsu':fontsize=40:fontcolor=$cream:x=186:y=72,
		drawtext=$mono:text='%{eif\:mod(t,10)\:d\:2}.%{eif\:mod(n,30)*100/30\:d\:2}':fontsize=64:fontcolor=$cream:x=60:y=148,
		drawtext=$mono:text='frame %{eif\:mod(n,300)\:d\:3}':fontsize=18:fontcolor=$dim:x=60:y=228,
		drawtext=$mono:text='640x360  30 fps  H.264 + Opus':fontsize=16:fontcolor=$dim:x=60:y=256,
		format=yuv420p[v]" \
	-map "[v]" -frames:v 300 -c:v libx264 -profile:v baseline -preset veryslow -tune animation -bf 0 -refs 1 \
	-crf 23 -maxrate 400k -bufsize 400k -g 60 -keyint_min 60 -sc_threshold 0 -threads 1 -fflags +bitexact -flags:v +bitexact \
	-bsf:v filter_units=remove_types=6 -f h264 clip.h264

# One note a second: up a pentatonic scale and down again, each dying away before the next, so the loop has no seam.
note="393*eq(N,0)+440*eq(N,1)+523.25*eq(N,2)+587.33*eq(N,3)+659.26*eq(N,4)+783.99*eq(N,5)+659.26*eq(N,6)+587.33*eq(N,7)+523.25*eq(N,8)+440*eq(N,9)"
tone="st(0,mod(t,1));st(1,mod(floor(t),10));st(2,2*PI*ld(0)*($(echo "$note" | sed 's/N/ld(1)/g')));st(3,pow(1-ld(0),3)*(1-exp(-150*ld(0))));0.22*ld(3)*(sin(ld(2))+0.25*sin(2*ld(2))*(1-ld(0)))"
ffmpeg -hide_banner -loglevel error -y \
	-f lavfi -i "aevalsrc=exprs='$tone*(0.7+0.3*cos(PI*t/5))|$tone*(0.7-0.3*cos(PI*t/5))':s=48000:d=10" \
	-c:a libopus -b:a 96k -vbr on -application audio -frame_duration 20 -page_duration 1000000 \
	-fflags +bitexact -flags:a +bitexact -f ogg clip.ogg

ls -l clip.h264 clip.ogg
